// What model_test.cpp knows of a model. Each *_model.cpp defines models().
//
// Kept apart from Relacy on purpose: its header redefines `new`, `delete` and the memory orders.
#pragma once

#include <span>

namespace skerry::model {

struct Model {
    const char* name;
    bool sound;  // false: a variant with one order weakened, in which a bug must be found
    // Explores a bounded number of executions. True: nothing was found. `report` becomes a
    // text that says what was.
    bool (*holds)(std::span<char> report);
};

std::span<const Model> models();

}  // namespace skerry::model
