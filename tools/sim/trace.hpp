// Readers for the public traces' formats. The traces themselves are not shipped.
//
// Azure Functions 2019 (github.com/Azure/AzurePublicDataset, AzureFunctionsDataset2019.md):
//   invocations_per_function_md.anon.dNN.csv: HashOwner,HashApp,HashFunction,Trigger,1,…,1440
//   function_durations_percentiles.anon.dNN.csv: HashOwner,HashApp,HashFunction,Average,Count,…
// AFaaS cold starts (github.com/antgroup/AFaaS): one start a line, columns by name, of which
//   `totalcost` (ms) is read.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sandbox/base/result.hpp"

namespace skerry::sim {

struct MinuteTrace {
    static constexpr std::uint32_t kMaxMinutes = 1440;
    struct Function {
        std::string key;   // owner/app/function
        float run_ms = 0;  // average; 0: not known
        std::uint64_t total = 0;
    };
    std::uint32_t minutes = 0;
    std::vector<Function> functions;    // most invocations first
    std::vector<std::uint32_t> counts;  // by function, then minute
    std::uint32_t count(std::uint32_t function, std::uint32_t minute) const {
        return counts[std::size_t{function} * minutes + minute];
    }
};

// At most kMaxSimFunctions functions; a line that can't be read is an error with its number.
Result<MinuteTrace> read_azure_invocations(std::string_view csv, const std::string& file_name);
// Adds average durations to the functions that both files have; the number of them.
Result<std::uint32_t> read_azure_durations(std::string_view csv, const std::string& file_name,
                                           MinuteTrace& trace);
// The starts' total costs in ms, in the order of the file.
Result<std::vector<float>> read_cold_starts(std::string_view csv, const std::string& file_name);

}  // namespace skerry::sim
