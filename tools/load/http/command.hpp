// `skerry-load http …` and `skerry-load syn-flood …`: arguments, run, report. argv[0] is the
// program. Returns the exit code.
#pragma once

namespace skerry::load::http {

int http_command(int argc, char** argv);
int flood_command(int argc, char** argv);

}  // namespace skerry::load::http
