-- spend.by_provider_daily: one row per account, UTC day, provider, model and who bills it. Estimates of the analytics, never the bill; safe to sum, but add them to no billed amount.
-- account_id: Cloudflare account id
-- day: UTC day
-- provider: as the analytics name it; NULL where they do not offer it
-- model: likewise
-- billed_by: `cloudflare`, `own key` for the customer's key at the provider, or `unknown` where the analytics do not tell
-- requests: how many, sampled
-- cached_requests: of them, answered from the cache; NULL where not offered
-- errored_requests: of them, failed; NULL where not offered
-- tokens_in: tokens in, sampled; NULL where not offered
-- tokens_out: tokens out, sampled; NULL where not offered
-- estimate_usd: estimate in US dollars, sampled; NULL where not offered
create or replace view spend.by_provider_daily as
select
  account_id,
  date '1970-01-01' + (epoch_us(hour) // 86400000000)::integer as day,
  provider,
  model,
  case when wholesale then 'cloudflare' when not wholesale then 'own key' else 'unknown' end as billed_by,
  sum(requests)::bigint as requests,
  sum(cached_requests)::bigint as cached_requests,
  sum(errored_requests)::bigint as errored_requests,
  sum(tokens_in)::bigint as tokens_in,
  sum(tokens_out)::bigint as tokens_out,
  sum(spend.amount(cost_usd_estimate)) as estimate_usd
from ai_gateway_billing.gateway_usage_hourly
group by all;
