# %% [markdown]
# # Spend at a glance
#
# **Shows** the balance and how long it lasts, spend per day, month and model, the most expensive hours, top-ups and
# invoices.
#
# **Needs** a database that `aig-billing load` (or `aig-billing load --demo`) has published, and the extra `notebooks`:
# `pip install '.[notebooks]'` in the folder of this project. It only reads, and only schema `spend`, so loads can run
# at the same time: they replace the file. Run the first cell again to see new data.
#
# To share the same as one page: `aig-billing report --output spend.html`.

# %%
import os
from pathlib import Path

from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.report import questions, sections

database = Path(os.environ.get("AIG_BILLING_DATABASE") or "../billing.duckdb")
billing = read.connect(database)
account = questions.largest_account(billing)  # or another id: questions.accounts(billing) lists them
days = questions.ALL  # or questions.Days(date(2026, 1, 1), date(2026, 3, 31))

# %% [markdown]
# ## Balance and runway

# %%
sections.runway(billing, account, days)

# %% [markdown]
# ## Spend per day
# The open day is pale: it is not over, or was not read to its end.

# %%
sections.per_day(billing, account, days)

# %% [markdown]
# ## Spend per month

# %%
sections.per_month(billing, account, days)

# %% [markdown]
# ## By model
# The API reports models for the current month only, in its invoice preview. Each load stores that preview.
# Amounts by day are estimates.

# %%
sections.per_model(billing, account, days)

# %%
sections.per_model_and_day(billing, account, days)

# %% [markdown]
# ## Who spent it
# An estimate: the billed amount is exact, but only Cloudflare's sampled analytics know the gateway. `aig-billing load
# --with attribution` keeps them.

# %%
sections.who_spent_it(billing, account, days)

# %% [markdown]
# ## The most expensive hours

# %%
sections.expensive_hours(billing, account, days)

# %% [markdown]
# ## Credit, top-ups and invoices

# %%
sections.balances(billing, account, days)

# %%
sections.invoices(billing, account, days)

# %%
billing.close()
