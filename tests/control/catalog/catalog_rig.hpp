// A folder with a catalog in it, and what others may do to the file.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "control/catalog/artifacts.hpp"
#include "control/catalog/catalog.hpp"
#include "control/catalog/catalog_file.hpp"

namespace skerry::catalog {

inline std::string digest(int n) {
    return sha256_hex("version " + std::to_string(n));
}

inline Function make(const std::string& name, int version) {
    Function f;
    f.name = name;
    f.current = digest(version);
    f.versions = {f.current};
    return f;
}

// As earlier versions wrote it.
inline std::string catalog_json(const State& state) {
    std::string functions, tombstones;
    for (const auto& [name, function] : state.functions)
        functions += (functions.empty() ? "" : ",") + render(function);
    for (const auto& [name, regions] : state.tombstones) {
        std::string list;
        for (const auto& region : regions) list += (list.empty() ? "\"" : ",\"") + region + '"';
        tombstones += (tombstones.empty() ? "" : ",") +
                      ("{\"name\":\"" + name + "\",\"regions\":[" + list + "]}");
    }
    return "{\"format\":1,\"epoch\":" + std::to_string(state.epoch) + ",\"fleet\":\"" +
           state.fleet + "\",\"functions\":[" + functions + "],\"tombstones\":[" + tombstones +
           "]}\n";
}

class CatalogTest : public testing::Test {
  protected:
    void SetUp() override {
        ASSERT_NE(mkdtemp(folder_), nullptr);
        state_ = std::string(folder_) + "/state";
        file_ = state_ + "/catalog.db";
        json_ = state_ + "/catalog.json";
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    Catalog open() {
        auto catalog = Catalog::open(state_);
        EXPECT_TRUE(catalog) << catalog.error().text;
        return std::move(catalog).value();
    }
    static std::string text(const std::string& path) {
        std::ostringstream out;
        out << std::ifstream(path).rdbuf();
        return out.str();
    }
    static void put_text(const std::string& path, const std::string& bytes) {
        std::ofstream(path, std::ios::binary) << bytes;
    }
    // As somebody else would. The first column of the last row.
    std::string sql(const std::string& statements) const {
        sqlite3* database = nullptr;
        EXPECT_EQ(sqlite3_open(file_.c_str(), &database), SQLITE_OK);
        std::string last;
        char* said = nullptr;
        const auto row = [](void* to, int, char** columns, char**) {
            *static_cast<std::string*>(to) = columns[0] == nullptr ? "" : columns[0];
            return 0;
        };
        EXPECT_EQ(sqlite3_exec(database, statements.c_str(), row, &last, &said), SQLITE_OK)
            << statements << ": " << said;
        sqlite3_free(said);
        sqlite3_close(database);
        return last;
    }

    char folder_[32] = "/tmp/skerry-catalog-XXXXXX";
    std::string state_, file_, json_;
};

}  // namespace skerry::catalog
