"""print() and logging, as functions for Lambda expect them."""
import os
import sys

# The invocation that is handled, for lines of the log.
current = ""


def configure():
    """Before the function's code is imported."""
    for stream in (sys.stdout, sys.stderr):
        # Lines of stdout and stderr stay in order, and none is lost when the worker is killed.
        stream.reconfigure(line_buffering=True, errors="backslashreplace")
    sys.meta_path.insert(0, _WhenLoggingIsImported())


class _WhenLoggingIsImported:
    """Gives the root logger its handler when a function imports logging, and not before: many never do, and its
    import takes as long as the rest of the runtime."""

    def find_spec(self, name, _path=None, _target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec
        spec = find_spec("logging")
        execute = spec.loader.exec_module

        def executed(module):
            execute(module)
            _give_root_a_handler(module)

        spec.loader.exec_module = executed
        return spec


def _give_root_a_handler(logging):
    class Lines(logging.Handler):
        def emit(self, record):
            try:
                sys.stdout.write(self.format(record))
                sys.stdout.flush()
            except Exception:  # noqa: BLE001: a log that can't be written ends no invocation
                self.handleError(record)

    class WithRequest(logging.Filter):
        def filter(self, record):
            record.aws_request_id = current
            return True

    handler = Lines()
    if os.environ.get("AWS_LAMBDA_LOG_FORMAT") == "JSON":
        handler.setFormatter(_json_formatter(logging))
    else:
        formatter = logging.Formatter("[%(levelname)s]\t%(asctime)s.%(msecs)dZ\t%(aws_request_id)s\t%(message)s\n",
                                      "%Y-%m-%dT%H:%M:%S")
        from time import gmtime
        formatter.converter = gmtime
        handler.setFormatter(formatter)
    handler.addFilter(WithRequest())
    logging.root.addHandler(handler)


def _json_formatter(logging):
    import json

    class Json(logging.Formatter):
        def format(self, record):
            from time import gmtime, strftime
            entry = {"timestamp": strftime("%Y-%m-%dT%H:%M:%SZ", gmtime(record.created)), "level": record.levelname,
                     "message": record.getMessage(), "logger": record.name, "requestId": record.aws_request_id}
            if record.exc_info:
                entry["stackTrace"] = self.formatException(record.exc_info)
            return json.dumps(entry, ensure_ascii=False) + "\n"

    return Json()


def flush():
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError, AttributeError):
            pass  # the function replaced or closed it
