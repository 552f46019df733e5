# %% [markdown]
# # Explore
#
# **Shows** how to read the file with plain SQL, Arrow and pandas, how to join your own table, a heat map of hours and
# weekdays, and unusual days.
#
# **Needs** a database that `aig-billing load` has published. It only reads, and only the schema `spend`.

# %%
import os
from pathlib import Path

import pandas as pd
import pyarrow as pa

from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.report import charts, questions

database = Path(os.environ.get("AIG_BILLING_DATABASE") or "../billing.duckdb")
billing = read.connect(database)  # read-only, in UTC, always the newest load
account = questions.largest_account(billing)

# %% [markdown]
# ## Plain SQL
# `fetchall` returns exact `Decimal` values.

# %%
billing.execute(
    "select day, amount, is_final from spend.daily where account_id = ? order by day desc limit 3", [account]
).fetchall()

# %% [markdown]
# ## Arrow
# Exact as well, and fast: columns are not copied value by value.

# %%
daily = billing.sql(
    "select day, currency, amount from spend.daily where account_id = ? order by day", params=[account]
).to_arrow_table()
daily.schema

# %% [markdown]
# ## pandas
# DuckDB's `.df()` converts DECIMAL to float. Through Arrow the column stays DECIMAL, and so do its sums.

# %%
exact = daily.to_pandas(types_mapper=pd.ArrowDtype)
exact.dtypes

# %%
exact["amount"].sum()

# %% [markdown]
# Floats have 15 digits: fine for a chart, a mean or a forecast, but not for amounts that must match an invoice.

# %%
floats = billing.sql("select day, amount from spend.daily where account_id = ? order by day", params=[account]).df()
total = floats["amount"].sum()
print(f"{total:,.2f} with floats" if len(floats) else "There is no day to add up yet.")

# %% [markdown]
# ## Join your own table
# Register a frame to query it as a table. A file needs no registering: `from 'teams.csv'`.

# %%
providers = pa.table({"provider": ["openai", "anthropic", "google"], "owner": ["search", "support", "mobile"]})
billing.register("owners", providers)
owned = billing.execute(
    """
    select coalesce(owner, 'no owner yet') as owner, currency, sum(net)::decimal(18, 2) as net
    from spend.by_model
    left join owners using (provider)
    where account_id = ?
    group by all
    order by net desc
    """,
    [account],
).fetchall()
owned or "No model has been billed yet."

# %% [markdown]
# ## When it is spent

# %%
charts.by_weekday_and_hour(questions.by_weekday_and_hour(billing, account))

# %% [markdown]
# ## Unusual days
# By `spend.anomalies`: beside the same weekday in eight weeks before, at the level of late. So neither quiet weekends
# nor slow growth are unusual.

# %%
charts.unusual_days(questions.unusual_days(billing, account))

# %%
billing.close()
