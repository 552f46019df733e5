# %% [markdown]
# # Spend at a glance
#
# **Shows** the balance and how long it lasts, spend per day, month and model, the dearest hours, top-ups and invoices.
#
# **Needs** a database that `aig-billing load` (or `aig-billing load --demo`) has published, and
# `pip install "cloudflare-ai-gateway-billing[notebooks]"`. It only reads, and only the schema `spend`, so loads may go
# on meanwhile: they put a new file in the place of this one. Run the first cell again to see what they loaded.
#
# The same as one page to hand on: `aig-billing report --output spend.html`.

# %%
import os
from pathlib import Path

from ai_gateway_billing_pipeline import figures, glance, read

database = Path(os.environ.get("AIG_BILLING_DATABASE") or "../billing.duckdb")
billing = read.connect(database)
account = figures.dearest_account(billing)  # or the id of another one: figures.accounts(billing) lists them
days = figures.ALL  # or figures.Days(date(2026, 1, 1), date(2026, 3, 31))

# %% [markdown]
# ## Balance and runway

# %%
glance.runway(billing, account, days)

# %% [markdown]
# ## Spend per day
# The open day is pale: it is not over, or has not been read to its end.

# %%
glance.per_day(billing, account, days)

# %% [markdown]
# ## Spend per month

# %%
glance.per_month(billing, account, days)

# %% [markdown]
# ## By model
# The API tells models for the running month alone, in its invoice preview; loads keep what it said.

# %%
glance.per_model(billing, account, days)

# %%
glance.per_model_and_day(billing, account, days)

# %% [markdown]
# ## The dearest hours

# %%
glance.dearest_hours(billing, account, days)

# %% [markdown]
# ## Credit, top-ups and invoices

# %%
glance.balances(billing, account, days)

# %%
glance.invoices(billing, account, days)

# %%
billing.close()
