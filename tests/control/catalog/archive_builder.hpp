// Builds archives in memory, hostile ones too.
#pragma once

#include <archive.h>
#include <archive_entry.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace skerry::catalog {

enum class Format { zip, tar, tar_gz };

class ArchiveBuilder {
  public:
    explicit ArchiveBuilder(Format format) : bytes_(24u << 20), archive_(archive_write_new()) {
        if (format == Format::zip)
            archive_write_set_format_zip(archive_);
        else
            archive_write_set_format_pax_restricted(archive_);
        if (format == Format::tar_gz) archive_write_add_filter_gzip(archive_);
        archive_write_set_bytes_in_last_block(archive_, 1);
        EXPECT_EQ(archive_write_open_memory(archive_, bytes_.data(), bytes_.size(), &used_),
                  ARCHIVE_OK);
    }
    ~ArchiveBuilder() { archive_write_free(archive_); }
    ArchiveBuilder(const ArchiveBuilder&) = delete;
    ArchiveBuilder& operator=(const ArchiveBuilder&) = delete;

    ArchiveBuilder& file(const std::string& path, const std::string& content, int mode = 0644) {
        return add(path, AE_IFREG, mode, content, nullptr, nullptr);
    }
    ArchiveBuilder& folder(const std::string& path) {
        return add(path, AE_IFDIR, 0700, "", nullptr, nullptr);
    }
    ArchiveBuilder& link(const std::string& path, const std::string& target) {
        return add(path, AE_IFLNK, 0777, "", target.c_str(), nullptr);
    }
    ArchiveBuilder& hard_link(const std::string& path, const std::string& target) {
        return add(path, AE_IFREG, 0644, "", nullptr, target.c_str());
    }
    ArchiveBuilder& special(const std::string& path, int kind) {
        return add(path, kind, 0644, "", nullptr, nullptr);
    }
    std::string done() {
        EXPECT_EQ(archive_write_close(archive_), ARCHIVE_OK) << archive_error_string(archive_);
        return std::string(bytes_.data(), used_);
    }

  private:
    ArchiveBuilder& add(const std::string& path, int kind, int mode, const std::string& content,
                        const char* target, const char* hard) {
        archive_entry* entry = archive_entry_new();
        archive_entry_set_pathname(entry, path.c_str());
        archive_entry_set_filetype(entry, static_cast<unsigned>(kind));
        archive_entry_set_perm(entry, static_cast<mode_t>(mode));
        archive_entry_set_size(entry, static_cast<la_int64_t>(content.size()));
        if (target != nullptr) archive_entry_set_symlink(entry, target);
        if (hard != nullptr) archive_entry_set_hardlink(entry, hard);
        EXPECT_EQ(archive_write_header(archive_, entry), ARCHIVE_OK)
            << archive_error_string(archive_);
        if (!content.empty()) {
            EXPECT_EQ(archive_write_data(archive_, content.data(), content.size()),
                      static_cast<la_ssize_t>(content.size()));
        }
        archive_entry_free(entry);
        return *this;
    }

    std::vector<char> bytes_;
    std::size_t used_ = 0;
    archive* archive_;
};

}  // namespace skerry::catalog
