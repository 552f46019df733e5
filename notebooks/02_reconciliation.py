# %% [markdown]
# # Reconciliation
#
# **Shows** whether usage, invoice preview, balance and invoices agree, and so which unit is right: the API documents no
# unit for its usage numbers, and mistaking cents for dollars makes every amount wrong by a factor of 100.
#
# **Needs** a database that `aig-billing load` has published, ideally by several loads over some days: comparing takes
# several previews and balances. It only reads, and only schema `spend`.

# %%
import os
from pathlib import Path

from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.report import charts, questions, sections

database = Path(os.environ.get("AIG_BILLING_DATABASE") or "../billing.duckdb")
billing = read.connect(database)
account = questions.largest_account(billing)

# %% [markdown]
# ## Month by month
# `agrees` needs a second source besides usage. Credit is bought ahead and with a fee of 5%, so invoices prove little.

# %%
sections.reconciliation(billing, account)

# %% [markdown]
# ## Which unit is right
# Each mark is an amount from another part of the API, divided by usage over the same time. If the marks are near 100 or
# 0.01, set `AIG_BILLING_USAGE_UNIT` to the other unit (`cents` or `dollars`) and load again.

# %%
charts.comparisons(questions.comparisons(billing, account))

# %% [markdown]
# ## How a verdict is reached
# The comments of the views describe it; they are stored in the file.

# %%
((comment,),) = billing.execute(
    "select comment from duckdb_views() where schema_name = 'spend' and view_name = 'reconciliation'"
).fetchall()
print(comment)

# %%
billing.close()
