#include "control/catalog/limits_json.hpp"

#include <nlohmann/json.hpp>

namespace skerry::catalog {

nlohmann::json limits_json(const Limits& l) {
    return {{"memory_mib", l.memory_mib},
            {"timeout_ms", l.timeout_ms},
            {"concurrency", l.concurrency},
            {"warm_min", l.warm_min},
            {"warm_max", l.warm_max},
            {"max_payload_bytes", l.max_payload_bytes},
            {"cold_cost_ms", l.cold_cost_ms},
            {"cpu_percent", l.cpu_percent},
            {"max_per_s", l.max_per_s},
            {"max_burst", l.max_burst},
            {"cpu_weight", l.cpu_weight},
            {"cpu_ms", l.cpu_ms},
            {"tmp_mib", l.tmp_mib},
            {"pids_max", l.pids_max},
            {"log_kib", l.log_kib},
            {"single_use", l.single_use},
            {"templates", l.templates},
            {"egress", l.egress},
            {"tenant", l.tenant},
            {"latency_weight", l.latency_weight}};
}

}  // namespace skerry::catalog
