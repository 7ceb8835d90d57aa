"""The command line as a module: `python -m bucketlens`."""

from bucketlens.cli import main

if __name__ == "__main__":
    main()
