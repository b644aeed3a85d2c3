// A function that is compiled without exceptions and RTTI: wrapper_test.cpp runs it.
#pragma once

namespace skerry::test {

int serve_without_exceptions();

}  // namespace skerry::test
