-- spend.by_tag_daily: one row per account, UTC day, tag, value and who bills it. Estimates of the analytics; safe to sum over values and days, never over tags: each tag has all requests.
-- account_id: Cloudflare account id
-- day: UTC day
-- tag: key of the requests' metadata that the setting names
-- value: its value, or a hash of it; NULL for requests without it
-- billed_by: `cloudflare`, `own key` for the customer's key at the provider, or `unknown` where the analytics do not tell
-- requests: how many, sampled
-- tokens_in: tokens in, sampled; NULL where not offered
-- tokens_out: tokens out, sampled; NULL where not offered
-- estimate_usd: estimate in US dollars, sampled; NULL where not offered
create or replace view spend.by_tag_daily as
select
  account_id,
  date '1970-01-01' + (epoch_us(hour) // 86400000000)::integer as day,
  tag,
  value,
  case when wholesale then 'cloudflare' when not wholesale then 'own key' else 'unknown' end as billed_by,
  sum(requests)::bigint as requests,
  sum(tokens_in)::bigint as tokens_in,
  sum(tokens_out)::bigint as tokens_out,
  sum(spend.amount(cost_usd_estimate)) as estimate_usd
from ai_gateway_billing.gateway_usage_tags_hourly
group by all;
