"""`python -m keepline.cli`: the `keepline` command where its script is not on the path."""

from keepline.cli import main

if __name__ == "__main__":
    main()
