"""`python -m ai_gateway_billing_pipeline` is `aig-billing`."""

from .cli import main

if __name__ == "__main__":
    main()
