# Says where folders of packages are. The packages themselves are not imported, only those that they are part of.
import importlib.util, json, os, sys

# What modules print is no answer.
answer = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)
task = json.loads(sys.argv[1])
# As for components; `python -c` looks into the current directory by itself.
sys.path[:0] = [*task["pythonpath"], os.getcwd()]


def locate(package, resource):
    try:
        spec = importlib.util.find_spec(package)
    except ModuleNotFoundError as error:
        return {"failed": "there is no package %r" % (error.name or package)}
    except BaseException as error:
        return {"failed": "it cannot be looked for: %s: %s" % (type(error).__name__, error)}
    if spec is None:
        return {"failed": "there is no such package; `python` and `pythonpath` of the worker's options say where to look"}
    places = list(spec.submodule_search_locations or [])
    if not places and spec.has_location:
        places = [os.path.dirname(spec.origin)]
    for place in places:
        folder = os.path.abspath(os.path.join(place, resource))
        if os.path.isdir(folder):
            return {"folder": folder}
    return {"failed": "there is no such folder in %s" % (", ".join(map(str, places)) or "a package that has no files")}


answer.write(json.dumps([locate(package, resource) for package, resource in task["packages"]]))
answer.flush()
# Nothing that was imported is waited for.
os._exit(0)
