#include "control/worth/forecast.hpp"

#include <gtest/gtest.h>

#include <functional>

namespace skerry::worth {
namespace {

constexpr double kHour_s = 3600;
constexpr double kMonday_s = 4 * 86400.0;  // 5 January 1970

// `rate` of each hour since Monday, in steps of a minute.
void live(Forecast& forecast, std::uint64_t key, int from_hour, int hours,
          const std::function<double(int)>& rate) {
    for (int hour = from_hour; hour < from_hour + hours; ++hour)
        for (int minute = 0; minute < 60; ++minute)
            forecast.note(key, rate(hour) * 60, 60, kMonday_s + hour * kHour_s + minute * 60);
}

double busy_at_nine(int hour) {
    const bool working_day = hour / 24 % 7 < 5;
    return hour % 24 == 9 && working_day ? 50 : 1;
}

double at(int hour, double minute = 30) {
    return kMonday_s + hour * kHour_s + minute * 60;
}

TEST(Forecast, KnowsTheHourOfTheWeekAfterTwoWeeks) {
    Forecast forecast;
    live(forecast, 7, 0, 2 * 168, busy_at_nine);
    EXPECT_NEAR(forecast.rate_per_s(7, at(2 * 168 + 9)), 50, 0.01);
    EXPECT_NEAR(forecast.rate_per_s(7, at(2 * 168 + 5 * 24 + 9)), 1, 0.01) << "a Saturday";
    EXPECT_EQ(forecast.rate_per_s(8, at(9)), 0) << "nobody has asked for it";
}

TEST(Forecast, KnowsTheHourOfTheDayAfterTwoDays) {
    Forecast forecast;
    live(forecast, 7, 0, 24 + 12, busy_at_nine);
    EXPECT_NEAR(forecast.rate_per_s(7, at(2 * 24 + 9)), 50, 0.01);
    EXPECT_EQ(forecast.rate_per_s(7, at(2 * 24 + 18)), 0) << "once is no habit";
}

TEST(Forecast, CountsAroundTheHoursBeginningAlone) {
    Forecast forecast;
    live(forecast, 7, 0, 2 * 168, busy_at_nine);
    const int nine = 2 * 168 + 9;
    EXPECT_LT(forecast.due_per_s(7, at(nine - 1, 50)), 2);
    EXPECT_NEAR(forecast.due_per_s(7, at(nine - 1, 59)), 50, 0.01) << "ahead";
    EXPECT_NEAR(forecast.due_per_s(7, at(nine, 4)), 50, 0.01);
    EXPECT_EQ(forecast.due_per_s(7, at(nine, 6)), 0) << "now the rate itself is known";
}

TEST(Forecast, ForgetsAHabit) {
    Forecast forecast;
    live(forecast, 7, 0, 4 * 168, busy_at_nine);
    live(forecast, 7, 4 * 168, 8 * 168, [](int) { return 1.0; });
    EXPECT_LT(forecast.rate_per_s(7, at(12 * 168 + 9)), 8);
}

TEST(Forecast, HoursThatWereHardlySeenSayNothing) {
    Forecast forecast;
    for (int day = 0; day < 5; ++day) forecast.note(7, 600, 60, at(day * 24 + 9));
    live(forecast, 7, 5 * 24, 1, busy_at_nine);
    EXPECT_EQ(forecast.rate_per_s(7, at(5 * 24 + 9)), 0);
}

TEST(Forecast, SurvivesARestartInTheMiddleOfAnHour) {
    Forecast forecast;
    live(forecast, 7, 0, 2 * 168 + 9, busy_at_nine);
    for (int minute = 0; minute < 30; ++minute)
        forecast.note(7, 90 * 60, 60, at(2 * 168 + 9, minute));
    auto again = Forecast::decode(forecast.encode());
    ASSERT_TRUE(again) << again.error().text;
    EXPECT_NEAR(again->rate_per_s(7, at(2 * 168 + 9)), 50, 0.01);
    for (int minute = 35; minute < 60; ++minute)
        again->note(7, 90 * 60, 60, at(2 * 168 + 9, minute));
    live(*again, 7, 2 * 168 + 10, 1, busy_at_nine);
    EXPECT_NEAR(again->rate_per_s(7, at(3 * 168 + 9)), 50 + 40.0 / 3, 0.1);
}

TEST(Forecast, RowsAreBoundedAndForgotten) {
    Forecast forecast;
    for (std::uint64_t key = 1; key <= 2 * Forecast::kMaxRows; ++key)
        forecast.note(key, 1, 60, at(0));
    EXPECT_EQ(forecast.rows(), Forecast::kMaxRows);
    EXPECT_LT(forecast.encode().size(), Forecast::kMaxBytes);
    EXPECT_TRUE(Forecast::decode(forecast.encode()));
    forecast.retain({5, 6});
    EXPECT_EQ(forecast.rows(), 2u);
}

TEST(Forecast, DamageIsSaid) {
    Forecast forecast;
    live(forecast, 7, 72, 30, busy_at_nine);  // from the week's first hour on, a Thursday's
    const std::string good = forecast.encode();
    const auto with = [&](const std::string& what, const std::string& instead) {
        std::string bad = good;
        const auto found = bad.find(what);
        EXPECT_NE(found, std::string::npos) << what;
        return Forecast::decode(bad.replace(found, what.size(), instead));
    };
    EXPECT_TRUE(Forecast::decode(good));
    EXPECT_FALSE(Forecast::decode(""));
    EXPECT_FALSE(Forecast::decode(good.substr(0, good.size() / 2)));
    EXPECT_FALSE(Forecast::decode("[1]"));
    EXPECT_FALSE(with("\"version\":1", "\"version\":2"));
    EXPECT_FALSE(with("\"7\"", "\"07\""));
    EXPECT_FALSE(with("\"rates\":[1.0", "\"rates\":[-1.0"));
    EXPECT_FALSE(with("\"rates\":[1.0", "\"rates\":[1.0,2.0"));
    EXPECT_FALSE(with("\"weeks\":[1", "\"weeks\":[9"));
    EXPECT_FALSE(with("\"weeks\":[1", "\"weeks\":[null"));
}

}  // namespace
}  // namespace skerry::worth
