"""`python -m agent`: see `agent.cli`."""

from principles.interrupt import leave, leave_on_interrupt

if __name__ == "__main__":
    leave_on_interrupt()
    from agent.cli import main  # after that: an interrupt in the middle of an import is a traceback

    leave(main())
