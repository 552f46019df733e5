"""`aig-billing accounts`: the accounts that the token sees."""

from . import options


@options.logged
def accounts(base_url: options.BaseUrl = None, as_json: options.Json = False) -> None:
    """List the accounts that the token can see. It may still lack permission to read their billing."""
    from ai_gateway_billing_pipeline import settings
    from ai_gateway_billing_pipeline.terminal import output

    with settings.client_for(settings.resolve(base_url=base_url)) as client:
        rows = [(account["id"], account["name"]) for account in client.accounts()]
    if as_json:
        output.print_json_rows(["id", "name"], rows)
    else:
        output.print_table(["id", "name"], rows)
