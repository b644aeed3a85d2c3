// What the tests of the fleet put into etcd.
#pragma once

#include <string>

#include "control/fleet/record.hpp"

namespace skerry::fleet {

inline catalog::Function a_function(const std::string& name, char version = 'a') {
    catalog::Function function;
    function.name = name;
    function.current = std::string(64, version);
    function.versions = {function.current};
    return function;
}

inline std::string a_record(const std::string& name, char version = 'a') {
    return render(Record{"pop-1", a_function(name, version)});
}

}  // namespace skerry::fleet
