# %% [markdown]
# # Reconciliation
#
# **Shows** whether usage, invoice preview, balance and invoices tell the same money, and so which unit is right: the
# API documents none for its usage numbers, and cents taken for dollars are wrong by a hundred.
#
# **Needs** a database that `aig-billing load` has published, better several loads over some days: only then there are
# previews and balances to compare. It only reads, and only the schema `spend`.

# %%
import os
from pathlib import Path

from ai_gateway_billing_pipeline.database import read
from ai_gateway_billing_pipeline.report import charts, questions, sections

database = Path(os.environ.get("AIG_BILLING_DATABASE") or "../billing.duckdb")
billing = read.connect(database)
account = questions.dearest_account(billing)

# %% [markdown]
# ## Month by month
# `agrees` takes a witness beside usage itself. Invoices are bought ahead and hold a fee of 5 %, so they prove little.

# %%
sections.reconciliation(billing, account)

# %% [markdown]
# ## Which unit is right
# Each mark is a place where the API tells the same money again, divided by usage over the same time. If they lie near
# 100 or 0.01, set `AIG_BILLING_USAGE_UNIT` to the other unit (`cents` or `dollars`) and load again.

# %%
charts.comparisons(questions.comparisons(billing, account))

# %% [markdown]
# ## What a verdict rests on
# The views themselves say how they come to it; their comments are in the file.

# %%
((comment,),) = billing.execute(
    "select comment from duckdb_views() where schema_name = 'spend' and view_name = 'reconciliation'"
).fetchall()
print(comment)

# %%
billing.close()
