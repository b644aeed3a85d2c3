// What is known of functions' weeks, from one start of the server to the next. It is worth little
// to anybody but this server, and nothing fails without it.
#include <spdlog/spdlog.h>

#include "control/catalog/files.hpp"
#include "control/controller/controller.hpp"

namespace skerry::control {

std::string Controller::forecasts_file() const {
    return config_.state_dir + "/forecasts.json";
}

void Controller::open_forecasts() {
    const auto text = catalog::read_file(forecasts_file(), worth::Forecast::kMaxBytes);
    if (!text) {
        if (text.error().code != ENOENT)
            spdlog::warn("{}: begun anew: {}", forecasts_file(), text.error().text);
        return;
    }
    auto forecast = worth::Forecast::decode(*text);
    if (forecast)
        forecast_ = std::move(*forecast);
    else
        spdlog::warn("{}: begun anew: {}", forecasts_file(), forecast.error().text);
}

// The sweeper's thread. Written without the lock: the disk may be slow.
void Controller::save_forecasts(Lock& lock) {
    std::set<std::uint64_t> keys;
    for (const auto& [name, deployed] : deployed_) keys.insert(deployed.key);
    forecast_.retain(keys);
    const worth::Forecast forecast = forecast_;
    lock.unlock();
    if (const Status saved = catalog::replace_file(forecasts_file(), forecast.encode()); !saved)
        spdlog::warn("{}", saved.error().text);
    lock.lock();
}

}  // namespace skerry::control
