-- How long ago the usage ends that has been read, at the time of writing.
select
  account_id as account,
  epoch($now - max(read_until)) as value
from ai_gateway_billing.usage_coverage
join spend.accounts using (account_id)
where not is_gone
group by all
