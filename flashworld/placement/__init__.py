"""Where a model's networks rest and how much of a scene is worked on at once.

`plans` lists the ways, `residence` carries one out, `card` tells what the GPU offers. Which plan fits is predicted by
`flashworld.planner`.
"""

from flashworld.placement.card import Card, find_card
from flashworld.placement.plans import CPU_PLAN, PLANS, RESIDENT, WHOLE, Plan, named, thriftier
from flashworld.placement.residence import Residence

__all__ = ["CPU_PLAN", "PLANS", "RESIDENT", "WHOLE", "Card", "Plan", "Residence", "find_card", "named", "thriftier"]
