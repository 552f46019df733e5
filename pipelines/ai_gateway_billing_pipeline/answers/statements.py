"""The SQL of each question that is asked of the views, with the parameters of `scope.Scope`."""

_CHOSEN = """
    chosen as (
        select
            account_id, account_name, currency, is_gone,
            (as_of at time zone 'UTC')::date as newest,
            least(newest, coalesce($last::date, newest)) as last_day
        from spend.accounts
        where list_contains($accounts, account_id)
    )
"""
_STATE = """
    case
        when amount is null then 'unknown'
        when is_final then 'final'
        when is_complete then 'complete'
        when newest between {first} and {last} and not is_gone then 'open'
        else 'incomplete'
    end as state
"""
DAILY = f"""
    with {_CHOSEN},
    asked as (
        select
            chosen.*,
            unnest(generate_series(
                greatest(oldest, coalesce($first::date, last_day - ($count::integer - 1)))::timestamp,
                last_day::timestamp, interval 1 day
            ))::date as day
        from chosen
        join (select account_id, min(day) as oldest from spend.daily group by account_id) using (account_id)
    )
    select
        account_id, account_name, asked.day, asked.currency, amount, hours_known,
        {_STATE.format(first="asked.day", last="asked.day")}
    from asked
    left join spend.daily using (account_id, day)
    order by asked.day, account_name, account_id
"""  # noqa: S608 - nothing in it comes from outside
MONTHLY = f"""
    with {_CHOSEN},
    asked as (
        select
            chosen.*,
            unnest(generate_series(
                greatest(oldest, date_trunc('month', coalesce(
                    $first::timestamp, date_trunc('month', last_day) - to_months($count::integer - 1)
                )))::timestamp,
                last_day::timestamp, interval 1 month
            ))::date as month
        from chosen
        join (select account_id, min(month) as oldest from spend.monthly group by account_id) using (account_id)
    )
    select
        asked.account_id, asked.account_name, asked.month, asked.currency, monthly.amount, monthly.days_known,
        least(last_day(asked.month), asked.newest) - asked.month + 1 as days_elapsed,
        {_STATE.format(first="asked.month", last="last_day(asked.month)")},
        case when state = 'open' then greatest(runway.month_end_forecast, monthly.amount) end as forecast
    from asked
    left join spend.monthly on monthly.account_id = asked.account_id and monthly.month = asked.month
    left join spend.runway on runway.account_id = asked.account_id and runway.month = asked.month
    order by asked.month, asked.account_name, asked.account_id
"""  # noqa: S608 - nothing in it comes from outside
MODELS = f"""
    with {_CHOSEN},
    asked as (
        select
            *,
            date_trunc('month', coalesce(
                $first::timestamp, date_trunc('month', last_day) - to_months($count::integer - 1)
            ))::date as first_month
        from chosen
    ),
    spent as (
        select account_id, month, amount
        from spend.monthly
        join asked using (account_id)
        where month between coalesce(first_month, month) and last_day and amount <> 0
    ),
    models as (
        select by_model.*, billing_month as month
        from spend.by_model
        join asked using (account_id)
        where billing_month between coalesce(first_month, billing_month) and last_day
    )
    select
        account_id, account_name, month, coalesce(models.currency, chosen.currency) as currency,
        model, provider, gross, credits, net,
        case
            when models.account_id is null then 'unknown'
            when is_final then 'final'
            when is_closed then 'complete'
            else 'open'
        end as state
    from models
    full join spent using (account_id, month)
    join chosen using (account_id)
    order by month, account_name, account_id, currency, gross desc, model
"""  # noqa: S608 - nothing in it comes from outside
RUNWAY = """
    select account_id, account_name, runway.* exclude (account_id), currency_is_assumed
    from spend.runway
    join spend.accounts using (account_id)
    where list_contains($accounts, account_id)
    order by account_name, account_id
"""
INVOICES = """
    select
        account_id, account_name, invoice_id, created_at, kind, status, description,
        coalesce(nullif(invoices.currency, ''), accounts.currency) as currency,
        amount_due, amount_paid, amount_remaining, billed, age_days, is_settled, is_listed,
        case
            when is_settled then 'final'
            when is_listed and coalesce(lower(status), '') not in ('draft', 'uncollectible') then 'open'
            else 'complete'
        end as state,
        count(*) over () as found
    from spend.invoices
    join spend.accounts using (account_id)
    where list_contains($accounts, account_id)
        and ($first is null or created_at >= $first::timestamptz)
        and ($last is null or created_at < ($last::date + 1)::timestamptz)
    qualify row_number() over (order by created_at desc nulls last, invoice_id, account_id) <= $count or $count is null
    order by created_at desc nulls last, invoice_id, account_id
"""
GATEWAYS = f"""
    with {_CHOSEN},
    asked as (
        select *, coalesce($first::date, last_day - ($count::integer - 1)) as first_day
        from chosen
    ),
    billed as (
        select
            account_id, gateway, is_attributed, min(first_day) as first_day, max(last_day) as last_day,
            sum(amount) as amount, bool_and(is_complete) as is_complete, bool_and(is_final) as is_final,
            max(day) as newest_day
        from spend.attribution
        join asked using (account_id)
        where day between coalesce(first_day, day) and last_day
        group by account_id, gateway, is_attributed
    ),
    estimated as (
        select
            account_id, gateway, true as is_attributed, sum(requests)::bigint as requests,
            sum(tokens_in)::bigint as tokens_in, sum(tokens_out)::bigint as tokens_out,
            sum(case billed_by when 'cloudflare' then estimate_usd when 'own key' then 0 end) as estimate_usd,
            sum(case billed_by when 'own key' then estimate_usd when 'cloudflare' then 0 end) as own_keys_estimate_usd
        from spend.by_gateway_daily
        join asked using (account_id)
        where day between coalesce(first_day, day) and last_day
        group by account_id, gateway
    ),
    joined as (
        select
            coalesce(billed.account_id, estimated.account_id) as account_id,
            coalesce(billed.gateway, estimated.gateway) as gateway,
            coalesce(billed.is_attributed, true) as is_attributed,
            billed.amount, billed.is_complete, billed.is_final, billed.newest_day,
            requests, tokens_in, tokens_out, estimate_usd, own_keys_estimate_usd
        from billed
        full join estimated
            on estimated.account_id = billed.account_id
            and estimated.gateway is not distinct from billed.gateway
            and estimated.is_attributed = billed.is_attributed
    )
    select
        account_id, account_name, gateway, is_attributed, currency, amount, requests, tokens_in, tokens_out,
        estimate_usd, own_keys_estimate_usd,
        {_STATE.format(first="newest_day", last="newest_day")}
    from joined
    join chosen using (account_id)
    order by account_name, account_id, is_attributed desc, amount desc nulls last, gateway
"""  # noqa: S608 - nothing in it comes from outside
TODAY = """
    with changes as (
        select *, (starts_at at time zone 'UTC')::date as first_day
        from spend.changes
        where model is null
    ),
    asked as (
        select *, max((as_of at time zone 'UTC')::date) over () as day
        from spend.accounts
        where list_contains($accounts, account_id) and not is_gone
            and account_id in (select account_id from spend.daily)
    )
    select
        asked.account_id, account_name, asked.currency,
        asked.day, today.amount as today, by_then.until_at, by_then.amount as today_by_then,
        by_then.previous_amount as yesterday_by_then,
        by_then.change_percent as change_percent_from_yesterday, yesterday.amount as yesterday,
        runway.month_to_date, this_month.previous_amount as last_month_by_then,
        this_month.change_percent as change_percent_from_last_month, month_end_forecast,
        balance, days_left, runs_out_date, auto_topup, auto_topup_reason, next_topup_date
    from asked
    join spend.runway using (account_id)
    left join spend.daily as today on today.account_id = asked.account_id and today.day = asked.day
    left join spend.daily as yesterday on yesterday.account_id = asked.account_id and yesterday.day = asked.day - 1
    left join changes as by_then
        on by_then.account_id = asked.account_id and by_then.period = 'day' and by_then.first_day = asked.day
    left join changes as this_month
        on this_month.account_id = asked.account_id and this_month.period = 'month'
        and this_month.first_day = date_trunc('month', asked.day)
    order by account_name, asked.account_id
"""
