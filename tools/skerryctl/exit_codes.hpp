// What skerryctl's exit codes mean. docs/skerryctl.md and --help list them; scripts rely on them.
#pragma once

namespace skerry::ctl {

enum Exit : int {
    kExitOk = 0,
    kExitFailed = 1,         // the server answered: refused, or failed; nothing more was executed
    kExitUsage = 2,          // arguments, or a file named by them; nothing was sent
    kExitUnreachable = 3,    // nobody answered; nothing was heard
    kExitFunctionError = 4,  // invoke: the function ran and reported an error
    kExitUnknown = 5,        // invoke: it may or may not have been executed
};

inline constexpr char kExitHelp[] =
    "Exit codes: 0 done; 1 the server refused or failed; 2 usage, or a file that can't be used; "
    "3 nobody answered; 4 the function reported an error; 5 it may or may not have been executed";

}  // namespace skerry::ctl
