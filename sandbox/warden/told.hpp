// What a worker finds in its environment, for a skerryd that tells it by itself: one that stood by.
#pragma once

#include "sandbox/jail/environment.hpp"

namespace skerry::warden {

using jail::can_come_later;
using jail::make_environment;
using jail::Told;

}  // namespace skerry::warden
