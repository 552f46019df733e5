-- spend.gateway_limits: one row per account, gateway and spend limit that it has now. Limits count estimates, not the bill; sum nothing.
-- account_id: Cloudflare account id
-- gateway: name of the gateway
-- limit_number: its place in the gateway's list of limits, from 1
-- limit_usd: the limit in US dollars
-- window_seconds: length of its window in seconds
-- kind: `fixed` or `sliding`; NULL when the API does not say
-- model: the only model that counts; NULL for all
-- provider: the only provider that counts; NULL for all
-- has_metadata_scope: only requests with some metadata count: how much that is cannot be told
-- window_from: start of the running window, UTC; of a fixed one it is assumed that it begins at a multiple of its length
-- estimate_usd: estimate of what was spent in it so far, in US dollars, from full hours; NULL where it cannot be told
-- share: estimate by limit; 1 is the limit
-- billing_mode: `unified` draws credit for Workers AI, `postpaid` does not
-- byok_only: only the customer's own provider keys are used
create or replace view spend.gateway_limits as
with
limits as (
  select
    gateways.account_id,
    gateways.gateway,
    rules._dlt_list_idx + 1 as limit_number,
    rules.limit_usd,
    rules.window_seconds,
    rules.kind,
    rules.model,
    rules.provider,
    coalesce(rules.has_metadata_scope, false) as has_metadata_scope,
    gateways.workers_ai_billing_mode as billing_mode,
    gateways.byok_only,
    epoch(accounts.as_of)::bigint as now_seconds,
    case
      when rules.kind = 'fixed' then now_seconds // nullif(rules.window_seconds, 0) * rules.window_seconds
      else now_seconds - rules.window_seconds
    end as from_seconds
  from ai_gateway_billing.gateways as gateways
  join ai_gateway_billing.gateways__spend_limit_rules as rules on rules._dlt_parent_id = gateways._dlt_id
  join spend.accounts on accounts.account_id = gateways.account_id
  where gateways._dlt_valid_to is null
),
spent as (
  select
    limits.account_id,
    limits.gateway,
    limits.limit_number,
    sum(spend.amount(usage.cost_usd_estimate)) as estimate_usd
  from limits
  join ai_gateway_billing.gateway_usage_hourly as usage
    on usage.account_id = limits.account_id
    and usage.gateway = limits.gateway
    and epoch_us(usage.hour) // 1000000 >= limits.from_seconds // 3600 * 3600
    and (limits.model is null or usage.model = limits.model)
    and (limits.provider is null or usage.provider = limits.provider)
  group by limits.account_id, limits.gateway, limits.limit_number
),
used as (
  select
    limits.*,
    case
      when limits.has_metadata_scope or limits.from_seconds is null then null
      else coalesce(spent.estimate_usd, 0)
    end::decimal(38, 10) as estimate_usd
  from limits
  left join spent using (account_id, gateway, limit_number)
)
select
  account_id,
  gateway,
  limit_number::integer as limit_number,
  spend.amount(limit_usd) as limit_usd,
  window_seconds,
  kind,
  model,
  provider,
  has_metadata_scope,
  to_timestamp(from_seconds) as window_from,
  estimate_usd,
  try_cast(estimate_usd::double / nullif(limit_usd, 0)::double as decimal(18, 4)) as share,
  billing_mode,
  byok_only
from used;
