"""The Space: the page of `app_gradio.py` and its interfaces, for ZeroGPU and for any other machine.

order (what a visitor asks for, checked) -> budget (GPU seconds, or a refusal) -> work (the GPU call)
-> serving (files, one after another) -> page | api | published (who hears of them)
"""
