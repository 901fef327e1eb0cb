"""`python -m croissance`."""

from croissance.main import main

main()
