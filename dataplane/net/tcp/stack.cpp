#include "dataplane/net/tcp/stack.hpp"
