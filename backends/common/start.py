"""The one exception that means: this program cannot start, and a person must change something.

Who raises it writes the sentence that the person reads; `server.serve` prints it and ends with exit code 1.
"""


class CannotStartError(Exception):
    """The program cannot start; the message says what is wrong and what would be right."""
