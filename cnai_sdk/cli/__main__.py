"""`python -m cnai_sdk.cli`, for a shell that does not find `cnai`."""

from cnai_sdk.cli import main

main()
