"""What the core needs of the world, as Protocols that adapters and tests implement."""
