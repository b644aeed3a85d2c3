// A process that is to be copied: skerryd started it as a template (sandbox/template).
#pragma once

namespace skerry::sdk {

// Nothing, in an ordinary worker. A template ends here; each of its copies returns.
void snapshot_if_template();

}  // namespace skerry::sdk
