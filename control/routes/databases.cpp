#include "control/routes/databases.hpp"

#include <hs/hs_compile.h>

#include <charconv>

#include "control/routes/cache_file.hpp"

namespace skerry::routes {
namespace {

// One match of each is enough; a path is never empty, but an expression may match nothing as well.
constexpr unsigned int kFlags = HS_FLAG_SINGLEMATCH | HS_FLAG_ALLOWEMPTY | HS_FLAG_DOTALL;

// "… at index 12.": where Hyperscan says so. `shift`: of the text before the operator's.
std::int32_t index_in(std::string_view message, std::size_t shift) {
    const std::size_t at = message.rfind("at index ");
    if (at == std::string_view::npos) return -1;
    std::int32_t index = -1;
    const char* from = message.data() + at + 9;
    std::from_chars(from, message.data() + message.size(), index);
    return index < static_cast<std::int32_t>(shift) ? -1 : index - static_cast<std::int32_t>(shift);
}

Failure failure_of(hs_compile_error_t* error, std::uint32_t expression, std::size_t shift) {
    Failure failure;
    failure.expression = expression;
    failure.text = error == nullptr ? "Hyperscan gave no reason" : error->message;
    failure.at = index_in(failure.text, shift);
    hs_free_compile_error(error);
    return failure;
}

std::string key_of(const std::vector<Expression>& expressions, Form form) {
    hs_platform_info_t platform{};
    hs_populate_platform(&platform);
    Digest digest;
    digest.add(form == Form::whole      ? "skerry routes 1"
               : form == Form::anywhere ? "skerry rules 1"
                                        : "skerry rules 1, in pieces");
    digest.add(hs_version());
    digest.add({reinterpret_cast<const char*>(&platform), sizeof platform});
    const unsigned int flags = kFlags;
    digest.add({reinterpret_cast<const char*>(&flags), sizeof flags});
    for (const Expression& each : expressions) digest.add(each.text);
    return digest.finish();
}

classify::Database deserialised(const std::string& bytes) {
    hs_database_t* database = nullptr;
    if (hs_deserialize_database(bytes.data(), bytes.size(), &database) != HS_SUCCESS) return {};
    return classify::Database(database);
}

void store(const Cache& cache, const std::string& key, const hs_database_t* database) {
    char* bytes = nullptr;
    std::size_t size = 0;
    if (hs_serialize_database(database, &bytes, &size) != HS_SUCCESS) return;
    write_cache_file(cache.folder, key, {bytes, size});
    std::free(bytes);
}

}  // namespace

std::string whole(std::string_view expression) {
    return "^(?:" + std::string(expression) + ")\\z";
}

Failure check_expression(std::string_view expression, Form form) {
    // By itself first: what is unbalanced must not be balanced by what is put around it.
    const std::string alone(expression), anchored = whole(expression);
    for (const std::string* each : {&alone, &anchored}) {
        if (each == &anchored && form != Form::whole) break;
        hs_expr_info_t* info = nullptr;
        hs_compile_error_t* error = nullptr;
        if (hs_expression_info(each->c_str(), kFlags, &info, &error) != HS_SUCCESS) {
            Failure failure = failure_of(error, 0, each == &alone ? 0 : 4);
            if (each == &anchored)
                failure.text = "it can't be anchored at both ends: " + failure.text;
            return failure;
        }
        std::free(info);
    }
    return {};
}

Loaded load_database(const std::vector<Expression>& expressions, Cache& cache, Form form) {
    Loaded loaded;
    const std::string key = key_of(expressions, form);
    if (!cache.folder.empty()) {
        cache.used.push_back(key);
        std::string bytes;
        const CacheRead read = read_cache_file(cache.folder, key, bytes);
        if (read == CacheRead::whole) loaded.database = deserialised(bytes);
        loaded.from_cache = loaded.database != nullptr;
        if (loaded.from_cache) {
            ++cache.hits;
            return loaded;
        }
        if (read != CacheRead::missing) ++cache.refused;
    }
    for (std::uint32_t i = 0; i < expressions.size(); ++i) {
        Failure failure = check_expression(expressions[i].text, form);
        failure.expression = i;
        if (!failure.text.empty()) loaded.failures.push_back(std::move(failure));
    }
    if (!loaded.failures.empty()) return loaded;
    std::vector<std::string> texts;
    std::vector<const char*> pointers;
    std::vector<unsigned int> flags(expressions.size(), kFlags), ids;
    for (const Expression& each : expressions)
        texts.push_back(form == Form::whole ? whole(each.text) : each.text);
    for (const std::string& each : texts) {
        ids.push_back(static_cast<unsigned int>(ids.size()));
        pointers.push_back(each.c_str());
    }
    hs_database_t* database = nullptr;
    hs_compile_error_t* error = nullptr;
    const auto count = static_cast<unsigned int>(texts.size());
    const unsigned int mode = form == Form::stream ? HS_MODE_STREAM : HS_MODE_BLOCK;
    if (hs_compile_multi(pointers.data(), flags.data(), ids.data(), count, mode, nullptr, &database,
                         &error) != HS_SUCCESS) {
        const int which = error == nullptr ? -1 : error->expression;
        loaded.failures.push_back(failure_of(error,
                                             which < 0 ? ~0u : static_cast<std::uint32_t>(which),
                                             form == Form::whole ? 4 : 0));
        return loaded;
    }
    loaded.database.reset(database);
    ++cache.compiled;
    if (!cache.folder.empty()) store(cache, key, database);
    return loaded;
}

void sweep(const Cache& cache, std::size_t keep) {
    if (!cache.folder.empty()) sweep_cache_files(cache.folder, cache.used, keep);
}

bool make_scratches(const std::vector<classify::Database>& databases, std::uint32_t cores,
                    std::vector<classify::Scratch>& scratches) {
    std::vector<const hs_database_t*> all;
    for (const classify::Database& each : databases) all.push_back(each.get());
    return make_scratches(all, cores, scratches);
}

bool make_scratches(const std::vector<const hs_database_t*>& databases, std::uint32_t cores,
                    std::vector<classify::Scratch>& scratches) {
    scratches.clear();
    if (databases.empty()) return true;
    hs_scratch_t* first = nullptr;
    for (const hs_database_t* each : databases)
        if (hs_alloc_scratch(each, &first) != HS_SUCCESS) {
            hs_free_scratch(first);
            return false;
        }
    scratches.emplace_back(first);
    while (scratches.size() < cores) {
        hs_scratch_t* copy = nullptr;
        if (hs_clone_scratch(first, &copy) != HS_SUCCESS) return false;
        scratches.emplace_back(copy);
    }
    return true;
}

}  // namespace skerry::routes
