// What Lambda's management calls need of the control thread: the catalog, and changes to it that
// are judged and made in one step. HTTP threads call these; every answer is one consistent state.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/admin/backend.hpp"
#include "control/catalog/catalog.hpp"
#include "dataplane/auth/access_keys.hpp"
#include "sandbox/base/result.hpp"

namespace skerry::lambda_api {

// Judges what there is of a function (nullptr: nothing), and changes what is about to take its
// place; an error refuses it. `next.details` has the time and revision of this change already: who
// does not change $LATEST puts back what was there. Called several times for one change, last when
// nothing can come between any more; it must not call back.
using Edit = std::function<std::optional<admin::ApiError>(const catalog::Function* before,
                                                          catalog::Function& next)>;

class Functions {
  public:
    // Who may sign. What it points to stays as it is.
    virtual std::shared_ptr<const auth::AccessKeys> signing_keys() = 0;
    virtual std::optional<catalog::Function> find(const std::string& name) = 0;
    virtual std::vector<catalog::Function> all() = 0;  // by name
    // Of an archive of a version; 0: it is not there.
    virtual std::uint64_t archive_size(const std::string& digest) = 0;
    virtual Result<std::string> archive(const std::string& digest) = 0;

    // As admin::Backend::deploy(), with an Edit of what becomes current. What the function is then.
    virtual admin::ApiResult<catalog::Function> deploy(const admin::DeployRequest& request,
                                                       std::string_view archive,
                                                       const Edit& edit) = 0;
    // A change that needs no new version; `before` is never nullptr. Returns once every core has
    // seen it. 404: there is no such function.
    virtual admin::ApiResult<catalog::Function> change(const std::string& name,
                                                       const Edit& edit) = 0;
    virtual admin::ApiResult<admin::EraseOutcome> erase(const std::string& name) = 0;

  protected:
    ~Functions() = default;
};

}  // namespace skerry::lambda_api
