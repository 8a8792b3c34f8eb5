"""`gapless bench`: how fast is a hub that runs?"""
