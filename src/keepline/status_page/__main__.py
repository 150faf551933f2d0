"""The status page's process, started as `python -m keepline.status_page`."""

from keepline.status_page.server import main

if __name__ == "__main__":
    raise SystemExit(main())
