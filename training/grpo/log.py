"""The figures of a run's log, by the names that TRL and the reward give them."""

GOLD, PROXY = "eval_rewards/rubric/mean", "eval_proxy"
# Followed by a held-out question's key: its gold score, absent where the gold judge failed on it.
GOLD_OF = "eval_gold/"
# The sum of what follows: the rubric's, in [0, 1], and the penalty on length where the recipe has one.
REWARD, RUBRIC, PENALTY = "reward", "rewards/rubric/mean", "rewards/overlong/mean"
LENGTH, CLIPPED = "completions/mean_length", "completions/clipped_ratio"
HELD_OUT_LENGTH = "eval_completions/mean_length"
NONE, KL = "reward/none", "kl"
# The share of groups that teach nothing. TRL's own (`frac_reward_zero_std`) is the whole step's where rewards are
# scaled by that, and counts neither small spreads nor the rubric alone.
NO_SIGNAL = "reward/no_signal"
