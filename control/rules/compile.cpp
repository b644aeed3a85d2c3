#include "control/rules/compile.hpp"

#include <hs/hs_compile.h>

#include <algorithm>
#include <map>
#include <random>

namespace skerry::rules {
namespace {

class Builder {
  public:
    Builder(RuleSet& made, const Shape& shape, std::vector<Problem>& problems)
        : made_(made), shape_(shape), problems_(problems) {}

    void build(const RuleSet* before, routes::Cache& cache);

  private:
    void add_rule(const Declared& rule, const RuleSet* before);
    void load(Patterns& patterns, const std::vector<std::uint16_t>& rules, routes::Form form,
              routes::Cache& cache);
    void load_all(routes::Cache& cache);
    void make_scratches();
    void open_streams();
    void complain(const char* where, std::string text) {
        problems_.push_back({"", where, -1, std::move(text)});
    }

    RuleSet& made_;
    const Shape& shape_;
    std::vector<Problem>& problems_;
};

net::SipKey random_key() {
    std::random_device random;
    const auto word = [&] { return std::uint64_t{random()} << 32 | random(); };
    return {word(), word()};
}

// One more than there are cores: the control thread's.
std::shared_ptr<Ledger> ledger_of(const Declared& rule, std::uint32_t lanes,
                                  const RuleSet* before) {
    auto ledger = std::make_shared<Ledger>();
    if (before != nullptr)
        for (std::size_t i = 0; i < before->declared.size(); ++i) {
            const Declared& old = before->declared[i];
            if (old.name != rule.name) continue;
            const auto& kept = before->set.rules[i].ledger;
            if (old.action == rule.action && old.per_second == rule.per_second &&
                old.burst == rule.burst && old.key_field == rule.key_field)
                return kept;
            ledger->tallies = kept->tallies;
        }
    if (ledger->tallies == nullptr) ledger->tallies = std::shared_ptr<Tally[]>(new Tally[lanes]);
    if (rule.action == Action::rate)
        for (std::uint32_t i = 0; i < lanes; ++i)
            ledger->buckets.push_back(
                std::make_unique<limits::BucketTable>(kRateKeys, random_key()));
    return ledger;
}

void Builder::add_rule(const Declared& rule, const RuleSet* before) {
    Rule compiled;
    compiled.action = rule.action;
    compiled.status = rule.status != 0 ? rule.status : rule.action == Action::rate ? 429 : 403;
    compiled.key_field = rule.key_field;
    compiled.rate = limits::Rate::of(rule.per_second,
                                     rule.burst != 0 ? rule.burst : rule.per_second, 1'000'000);
    compiled.ledger = ledger_of(rule, shape_.cores + 1, before);
    made_.set.rules.push_back(std::move(compiled));
}

void Builder::load(Patterns& patterns, const std::vector<std::uint16_t>& rules, routes::Form form,
                   routes::Cache& cache) {
    if (rules.empty()) return;
    std::vector<routes::Expression> expressions;
    for (const std::uint16_t each : rules)
        expressions.push_back({made_.declared[each].pattern, each});
    routes::Loaded loaded = routes::load_database(expressions, cache, form);
    for (const routes::Failure& failure : loaded.failures) {
        const bool one = failure.expression < rules.size();
        problems_.push_back({one ? made_.declared[rules[failure.expression]].name : "", "pattern",
                             failure.at, failure.text});
    }
    patterns.rules = rules;
    patterns.database = std::move(loaded.database);
}

void Builder::load_all(routes::Cache& cache) {
    std::map<Part, std::vector<std::uint16_t>> by_part;
    std::map<std::string, std::vector<std::uint16_t>> by_field;
    for (std::size_t i = 0; i < made_.declared.size(); ++i) {
        const Declared& rule = made_.declared[i];
        auto& list = rule.field.empty() ? by_part[rule.in] : by_field[rule.field];
        list.push_back(static_cast<std::uint16_t>(i));
    }
    Set& set = made_.set;
    load(set.path, by_part[Part::path], routes::Form::anywhere, cache);
    load(set.query, by_part[Part::query], routes::Form::anywhere, cache);
    load(set.every_field, by_part[Part::header], routes::Form::anywhere, cache);
    load(set.body, by_part[Part::body], routes::Form::stream, cache);
    for (const auto& [name, list] : by_field) {
        set.fields.push_back({name, {}});
        load(set.fields.back().patterns, list, routes::Form::anywhere, cache);
    }
}

void Builder::make_scratches() {
    Set& set = made_.set;
    std::vector<const hs_database_t*> databases;
    for (const Patterns* each : {&set.path, &set.query, &set.every_field, &set.body})
        if (each->database != nullptr) databases.push_back(each->database.get());
    for (const FieldPatterns& each : set.fields) databases.push_back(each.patterns.database.get());
    if (!routes::make_scratches(databases, shape_.cores + 1, set.scratches))
        complain("pattern", "no memory for what matches them");
}

void Builder::open_streams() {
    Set& set = made_.set;
    if (set.body.database == nullptr) return;
    std::size_t bytes = 0;
    hs_stream_size(set.body.database.get(), &bytes);
    const std::uint64_t all = std::uint64_t{bytes} * shape_.streams * shape_.cores;
    if (all > kStreamsBytesMax)
        return complain("pattern", "those of bodies need " + std::to_string(bytes) +
                                       " bytes for each body, " + std::to_string(all >> 20) +
                                       " MiB in all; the limit is " +
                                       std::to_string(kStreamsBytesMax >> 20));
    for (std::uint32_t core = 0; core <= shape_.cores; ++core) {
        set.streams.push_back(
            Streams::open(set.body.database.get(), core == shape_.cores ? 1 : shape_.streams));
        if (set.streams.back() == nullptr) {
            set.streams.clear();
            return complain("pattern", "no memory for the states of bodies");
        }
    }
}

void Builder::build(const RuleSet* before, routes::Cache& cache) {
    made_.control_core = shape_.cores;
    made_.set.body_bytes = shape_.body_bytes;
    made_.set.key = random_key();
    load_all(cache);
    if (!problems_.empty()) return;
    make_scratches();
    if (problems_.empty()) open_streams();
    if (!problems_.empty()) return;
    for (const Declared& each : made_.declared) add_rule(each, before);
}

std::uint64_t sum(const RuleSet& all, std::size_t rule, Counter Tally::*which) {
    std::uint64_t total = 0;
    for (std::uint32_t core = 0; core < all.control_core; ++core)
        total += (all.set.rules[rule].ledger->tallies[core].*which).get();
    return total;
}

}  // namespace

std::uint64_t RuleSet::matched(std::size_t rule) const {
    return sum(*this, rule, &Tally::matched);
}
std::uint64_t RuleSet::refused(std::size_t rule) const {
    return sum(*this, rule, &Tally::refused);
}

Compiled compile(std::vector<Declared> rules, const Shape& shape, const RuleSet* before,
                 routes::Cache& cache) {
    Compiled compiled;
    compiled.problems = check(rules);
    if (!compiled.problems.empty()) return compiled;
    auto made = std::make_shared<RuleSet>();
    made->declared = std::move(rules);
    Builder builder(*made, shape, compiled.problems);
    builder.build(before, cache);
    if (compiled.problems.empty()) compiled.set = std::move(made);
    return compiled;
}

}  // namespace skerry::rules
