// A folder that looks like a hierarchy of control groups: files instead of the kernel.
#pragma once

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

namespace skerry::cgroup {

class FakeTree {
  public:
    FakeTree() {
        char path[] = "/tmp/skerry-cgroup-XXXXXX";
        if (::mkdtemp(path) == nullptr) std::abort();
        path_ = path;
    }
    ~FakeTree() { std::filesystem::remove_all(path_); }
    FakeTree(const FakeTree&) = delete;

    const std::string& path() const { return path_; }
    void folder(const std::string& name) {
        std::filesystem::create_directories(path_ + "/" + name);
    }
    void write(const std::string& name, const std::string& text) {
        folder(std::filesystem::path(name).parent_path());
        std::ofstream(path_ + "/" + name) << text;
    }
    std::string read(const std::string& name) const {
        std::ifstream file(path_ + "/" + name);
        return std::string(std::istreambuf_iterator<char>(file), {});
    }
    bool has(const std::string& name) const { return std::filesystem::exists(path_ + "/" + name); }

  private:
    std::string path_;
};

}  // namespace skerry::cgroup
