# %% [markdown]
# # Spend at a glance
#
# **Shows** the balance and how long it lasts, spend per day, month and model, the dearest hours, top-ups and invoices.
#
# **Needs** a database that `aig-billing load` (or `aig-billing load --demo`) has published, and
# the extra `notebooks`: `pip install '.[notebooks]'` in the folder of this project. It only reads, and only the schema
# `spend`, so loads may go on meanwhile: they put a new file in the place of this one. Run the first cell again to see
# what they loaded.
#
# The same as one page to hand on: `aig-billing report --output spend.html`.

# %%
import os
from pathlib import Path

from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.report import questions, sections

database = Path(os.environ.get("AIG_BILLING_DATABASE") or "../billing.duckdb")
billing = read.connect(database)
account = questions.dearest_account(billing)  # or the id of another one: questions.accounts(billing) lists them
days = questions.ALL  # or questions.Days(date(2026, 1, 1), date(2026, 3, 31))

# %% [markdown]
# ## Balance and runway

# %%
sections.runway(billing, account, days)

# %% [markdown]
# ## Spend per day
# The open day is pale: it is not over, or has not been read to its end.

# %%
sections.per_day(billing, account, days)

# %% [markdown]
# ## Spend per month

# %%
sections.per_month(billing, account, days)

# %% [markdown]
# ## By model
# The API tells models for the running month alone, in its invoice preview; loads keep what it said.

# %%
sections.per_model(billing, account, days)

# %%
sections.per_model_and_day(billing, account, days)

# %% [markdown]
# ## The dearest hours

# %%
sections.dearest_hours(billing, account, days)

# %% [markdown]
# ## Credit, top-ups and invoices

# %%
sections.balances(billing, account, days)

# %%
sections.invoices(billing, account, days)

# %%
billing.close()
