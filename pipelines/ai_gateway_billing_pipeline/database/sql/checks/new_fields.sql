-- The API has sent no new field in the last 14 days.
select
  'info' as severity,
  '' as account_id,
  'The API sends fields that this version does not know: ' || string_agg(table_name || '.' || field, ', ' order by field)
    || ', since ' || strftime(min(first_seen_at) at time zone 'UTC', '%Y-%m-%d')
    || '. They are kept as columns. Look whether they change what you calculate.' as finding,
  table_name as matter,
  list(field order by field) as reached
from ai_gateway_billing.unknown_fields
where first_seen_at > $now - interval 14 day
group by table_name
