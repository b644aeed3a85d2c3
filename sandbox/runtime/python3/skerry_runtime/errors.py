"""Errors in the shape that Lambda's callers know: errorMessage, errorType, requestId, stackTrace."""
import sys


class Fault(Exception):
    """An error of the runtime's own: a type of the Runtime.* family, a text, lines of a stack."""

    def __init__(self, error_type, message, stack=()):
        super().__init__(message)
        self.error_type, self.message, self.stack = error_type, message, list(stack)


def shape(message, error_type, stack, request_id=""):
    return {"errorMessage": message, "errorType": error_type, "requestId": request_id, "stackTrace": list(stack)}


def of_exception(caught, request_id, skip):
    """`skip` is the file whose frames at the start are the runtime's, not the function's."""
    import traceback  # only paid for by functions that fail
    frames = traceback.extract_tb(caught.__traceback__)
    while frames and frames[0].filename == skip:
        frames = frames[1:]
    try:
        message = str(caught)
    except Exception:  # noqa: BLE001: an exception whose text can't be had is still to be told of
        message = "the exception has no text"
    return shape(message, type(caught).__name__, traceback.format_list(frames), request_id)


def log(error):
    """As Lambda writes it: one entry, its lines kept together by carriage returns' stand-in, a space."""
    lines = [f"[ERROR] {error['errorType']}: {error['errorMessage']}"]
    if error["stackTrace"]:
        lines.append("Traceback (most recent call last):")
        lines += [entry.rstrip("\n") for entry in error["stackTrace"]]
    try:
        sys.stdout.write("\n".join(lines).replace("\n", "\r") + "\n")
        sys.stdout.flush()
    except (OSError, ValueError):
        pass  # the function closed it
