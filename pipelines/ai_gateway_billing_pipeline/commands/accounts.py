"""`aig-billing accounts`: the accounts that the token sees."""

from . import options


@options.logged
def accounts(base_url: options.BaseUrl = None, as_json: options.Json = False) -> None:
    """List the accounts that the token can see, with their aliases. It may lack permission to read their billing."""
    from ai_gateway_billing_pipeline import settings
    from ai_gateway_billing_pipeline.terminal import output

    resolved = settings.resolve(base_url=base_url)
    with settings.client_for(resolved) as client:
        rows = [(each["id"], each["name"], resolved.aliases.get(each["id"])) for each in client.accounts()]
    if as_json:
        output.print_json_rows(["id", "name", "alias"], rows)
    elif resolved.aliases:
        output.print_table(["id", "name", "alias"], rows)
    else:
        output.print_table(["id", "name"], [row[:2] for row in rows])
