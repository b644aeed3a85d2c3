// Access keys: from the configuration's file and the files of their secrets to what cores read.
#include <openssl/crypto.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "control/config/access_keys.hpp"
#include "control/controller/controller.hpp"

namespace skerry::control {
namespace {

using admin::AccessKeyView;
using admin::ApiResult;
using Views = std::vector<AccessKeyView>;

constexpr std::chrono::seconds kGraceTimeout{10};

}  // namespace

// With the next snapshot they are what cores have. Under the control lock.
void Controller::use_access_keys(const std::vector<config::AccessKey>& settings,
                                 std::vector<auth::AccessKeySpec> specs) {
    auto next = std::make_shared<const auth::AccessKeys>(++key_generation_, specs);
    for (auth::AccessKeySpec& spec : specs) OPENSSL_cleanse(spec.secret.data(), spec.secret.size());
    shared_.access_keys.store(next.get(), std::memory_order_release);
    if (keys_) old_keys_.push_back(std::move(keys_));
    keys_ = std::move(next);
    key_settings_ = settings;
}

Views Controller::access_keys() {
    const std::lock_guard lock(mutex_);
    Views views;
    for (const config::AccessKey& key : key_settings_)
        views.push_back(
            {key.id, key.active, key.functions, key.not_after_s, key.manage, key.tenant});
    return views;
}

ApiResult<std::uint64_t> Controller::read_access_keys_again() {
    const std::lock_guard one_at_a_time(reloading_);
    const auto refuse = [](const char* code, const std::string& text) {
        spdlog::warn("access keys are as they were: {}", text);
        return ApiResult<std::uint64_t>::failure({409, code, text, {}});
    };
    if (config_.file.empty()) return refuse("no-file", "the configuration is from no file");
    const auto config = config::load(config_.file);
    if (!config) return refuse("bad-configuration", config.error().text);
    auto specs = config::load_secrets(config->access_keys);
    if (!specs) return refuse("bad-secret", specs.error().text);
    const std::lock_guard lock(mutex_);
    use_access_keys(config->access_keys, std::move(*specs));
    const std::uint64_t publication = publish();
    spdlog::info("{} access key(s) read again; everything else in {} waits for a start",
                 key_settings_.size(), config_.file);
    return {publication, true, {}};
}

ApiResult<Views> Controller::reload_access_keys() {
    const auto published = read_access_keys_again();
    if (!published.ok) return ApiResult<Views>::failure(published.error);
    nudge();
    {
        Lock lock(mutex_);
        if (!changed_.wait_for(lock, kGraceTimeout,
                               [&] { return reclaimer_.passed(published.value) || stopping_; }))
            return ApiResult<Views>::failure(
                {504, "cores-stuck", "a core did not take the new keys in time", {}});
    }
    return {access_keys(), true, {}};
}

}  // namespace skerry::control
