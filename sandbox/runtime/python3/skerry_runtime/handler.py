"""From `_HANDLER` to a function that can be called."""
import importlib
import sys

from .errors import Fault


def load(text):
    """`file.function`, `folder/file.function`, `package.file.function`, `file.Class.method`."""
    modules, dot, name = text.rpartition(".")
    if not dot or not modules or not name:
        raise Fault("Runtime.MalformedHandlerName", f"Bad handler '{text}': not FILE.FUNCTION")
    dotted = modules.replace("/", ".")
    if dotted.partition(".")[0] in sys.builtin_module_names:
        raise Fault("Runtime.BuiltInModuleConflict",
                    f"Cannot use built-in module {dotted} as a handler module")
    module, attributes = _import(dotted, modules)
    found = module
    for attribute in [*attributes, name]:
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise Fault("Runtime.HandlerNotFound",
                        f"Handler '{'.'.join([*attributes, name])}' missing on module '{module.__name__}'") from None
    if not callable(found):
        raise Fault("Runtime.HandlerNotFound", f"Handler '{name}' of module '{module.__name__}' can't be called")
    return found


def _import(dotted, said):
    """The module with the longest name that there is, and what is left of the name. Only a name that is itself not
    there is shortened: what a module of the function misses is its own error."""
    names, first = dotted.split("."), None
    for count in range(len(names), 0, -1):
        tried = ".".join(names[:count])
        try:
            return importlib.import_module(tried), names[count:]
        except ModuleNotFoundError as problem:
            first = first or problem
            if problem.name is None or not (tried == problem.name or tried.startswith(problem.name + ".")):
                first = problem
                break
        except SyntaxError as problem:
            line = f'  File "{problem.filename}" Line {problem.lineno}\n    {problem.text}'
            raise Fault("Runtime.UserCodeSyntaxError", f"Syntax error in module '{said}': {problem}",
                        [line]) from problem
        except ImportError as problem:
            first = problem
            break
    raise Fault("Runtime.ImportModuleError", f"Unable to import module '{said}': {first}") from first
