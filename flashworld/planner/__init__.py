"""What each memory plan will need on a card, by arithmetic, before anything is loaded."""

from flashworld.planner.arithmetic import FULL_SIZE, Size
from flashworld.planner.prediction import Choice, Prediction, choose_plan, predict, predict_all

__all__ = ["FULL_SIZE", "Choice", "Prediction", "Size", "choose_plan", "predict", "predict_all"]
