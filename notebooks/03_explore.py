# %% [markdown]
# # Explore
#
# **Shows** how to get data frames, Arrow tables and plain SQL out of the file, how to join a table of your own, a heat
# map of hours and weekdays, and days that stand out.
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
billing = read.connect(database)  # read-only, in UTC; duckdb.connect(database, read_only=True) does as well
account = questions.dearest_account(billing)

# %% [markdown]
# ## Plain SQL
# `fetchall` gives `Decimal`, to the last digit.

# %%
billing.execute(
    "select day, amount, is_final from spend.daily where account_id = ? order by day desc limit 3", [account]
).fetchall()

# %% [markdown]
# ## Arrow
# Exact as well, and without a copy for every value.

# %%
daily = billing.sql(
    "select day, currency, amount from spend.daily where account_id = ? order by day", params=[account]
).to_arrow_table()
daily.schema

# %% [markdown]
# ## pandas
# DuckDB's own `.df()` makes floats of DECIMAL. Through Arrow the column stays DECIMAL, and so do its sums.

# %%
exact = daily.to_pandas(types_mapper=pd.ArrowDtype)
exact.dtypes

# %%
exact["amount"].sum()

# %% [markdown]
# A float is fine for a picture, a mean or a forecast: it holds 15 digits. It is not for what must add up to an invoice.

# %%
floats = billing.sql("select day, amount from spend.daily where account_id = ? order by day", params=[account]).df()
total = floats["amount"].sum()
print(f"{total:,.2f} by floats" if len(floats) else "There is no day to add up yet.")

# %% [markdown]
# ## Join a table of your own
# A frame becomes a table by registering it; a file is one by itself: `from 'teams.csv'`.

# %%
providers = pa.table({"provider": ["openai", "anthropic", "google"], "owner": ["search", "support", "mobile"]})
billing.register("owners", providers)
owned = billing.execute(
    """
    select coalesce(owner, 'nobody yet') as owner, currency, sum(net)::decimal(18, 2) as net
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
# ## Days that stand out
# Against the median of such weekdays before, so that quiet weekends are nothing unusual.

# %%
charts.unusual_days(questions.unusual_days(billing, account))

# %%
billing.close()
